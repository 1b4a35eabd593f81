"""``avianvox gui``: a window for those without a terminal.

It does nothing that the command line doesn't: what is chosen on the page becomes lines of arguments, and each
line runs as the very command in a process of its own.

- `asked`: from what the page sends to those lines.
- `child`: a command that ends as by Ctrl-C when the window's server lets go of it, or dies.
- `records`: which runs there are, kept in a file of the user's.
- `work`: runs are begun, paused, gone on with.
- `progress`: how far a run has come, read from what it leaves on disk.
- `results`: rows of a finished table, and the table in any format.
- `folders`: folders to choose from.
- `pages`: the routes of all that.
"""
