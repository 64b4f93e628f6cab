"""
Tests of the pure core. Time is an argument, so nothing here sleeps.

test_model         the machine against the naive one; locks and leases first
test_replay        replay == live == snapshot + tail; snapshots while commands go on
test_interrupts    an exception at any line inside a command
test_small_scope   every interleaving of two agents and two tasks
test_scenarios     bugs of other systems as text scripts, in scenarios/
test_bad_input     what is refused, how the error reads, and that nothing changed
test_ready_order   who is next
test_timeline      clocks that are set back or forward
test_requests      requests that come twice

naive              the oracle: lists that are scanned
pair               both machines side by side, and the guarantees S1 to S5
walks              random commands; a seed is the whole story
stage              plays the text scripts
replies            replies as plain tuples

A new bug of the core gets a scenario if it can be told in ten lines, and a
change of `walks` if random commands could not have found it.
"""
