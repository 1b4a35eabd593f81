"""Recordings from xeno-canto: asked for, chosen, fetched, and listed with their hashes and their recordists.

Start at `avianvox.dataset.download.run.download`. ``session`` speaks with the server, ``answers`` reads its
pages, ``wishes`` chooses, ``sounds`` fetches one file, ``folder`` is what lies on the disk. What comes out is
a folder that `avianvox.dataset.catalog.read_catalog` reads. The key of the API is in none of its files.
"""
