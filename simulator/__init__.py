"""A simulated provider on this machine: the Messages API with plans, limits and faults.

What the last user message may say:

    say: TEXT                          answered with exactly TEXT
    remember the word X                and in a later turn: which word?
    [[sim:tokens=200 rate=50]]         so many tokens, so many events a second; `latency=0.5` too
    [[sim:think]]                      thinks first, where thinking is adaptive
    [[sim:tool=NAME {"a": 1}]]         calls an offered tool; several markers, several calls;
                                       with `step=2` when the calls of step 1 were answered
    [[sim:fault=NAME …]]               see `faults.FAULTS`; `times=1` (only the first time),
                                       `account=NAME`, `at=head|start|mid|last|N`,
                                       `window=five_hour reset=60`, `kind=ERROR_TYPE`;
                                       a name with a dash is a header: `retry-after-ms=300`

Images and tool results are described; anything else is answered with prose that is the same for
the same text.
"""
