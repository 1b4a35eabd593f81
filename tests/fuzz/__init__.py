"""Hostile inputs, a module for each kind of them: ``python -m tests.fuzz --minutes 30``.

Every module beside the runner is a kind. It has one function::

    def cases(rng: numpy.random.Generator, folder: pathlib.Path) -> Iterator[tuple[str, Callable[[], object]]]

which yields a name and a callable that runs one hostile input; files go into ``folder``, each under a name of
its own, before they are yielded. The callable returns, or raises an `AvianvoxError` whose message is one line
that a terminal can show. Anything else is a failure, and so is what takes too long or too much memory. The
iterator may end: it is begun anew with another generator until the time is over.
"""
