"""Finding and grouping: windows of a store that are like one another.

Start at `windows.Windows`: which windows there are, and the numbers by which they are compared. `search`
looks for what is like a query, `cluster` puts like windows together, `suggest` says what to listen to next.
"""
