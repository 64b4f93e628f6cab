"""The blackboard: marks, entries, reactions, and the order in which places are served."""
