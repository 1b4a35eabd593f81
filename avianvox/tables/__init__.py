"""Tables of detections, and the file formats that hold them.

``columns`` says what a table holds and writes and reads its CSV rows, which are also what workers hand over;
``formats`` lists the formats, one file each, and reads and writes any of them: start there. Whatever the
format, a reader gives :class:`avianvox.types.Detection` values and a writer takes them. ``rows`` writes
tables of other things, with typed columns, as CSV, JSON lines or Parquet.
"""
