"""The local application that a browser shows: a server for one person on one computer.

`server` serves an application on the loopback address until it is asked to stop; `guard` turns away whoever
is not the page that was opened; `app` makes an application out of routes and the files of ``static``. What
pages there are: `avianvox.desk.review`.

The token is the first part of every path, so that pages ask with relative addresses and know nothing of it.
The server hands out sound and tables by their number, never by a path that a page names.
"""
