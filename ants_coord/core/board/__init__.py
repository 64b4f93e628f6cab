"""
The shared environment: trails, entries, reactions, and the order of work that follows trails.

trails        marks laid, reinforced, evaporated
ranking       trails in order of strength
strongest     the strongest places
places        places with work
order         claims that follow trails
thresholds    what an agent has become good at
entries       the shared state
reactions     changes that become tasks
surroundings  how these parts reach each other
deeds         each agent's last change to each entry
rollback      undoing what one agent did
diffusion     trails that spread
"""
