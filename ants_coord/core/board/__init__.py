"""
The shared environment: trails, entries, reactions, and the order of work that follows trails.

trails        marks laid, reinforced, evaporated
ranking       how a kind of marks behaves, and its trails in order of strength
places        the READY tasks at one place, and the lists in which claims find the best
order         the ready order: places pull agents, the most attractive first
thresholds    how hard it is to draw an agent to a kind of task, learnt from its results
entries       the shared state that agents write, read, take and watch
reactions     changes that become tasks
surroundings  what a change of the shared state affects; a part tells the others through it
last_changes  each agent's last change to each entry
rollback      undoing what one agent did
diffusion     trails that spread over a graph of places
"""
