"""What people say of events: the table of verdicts, and what follows from it.

Start at `avianvox.verdicts.table`. `writing` appends to a table, `standing` says which verdicts hold.
"""
