"""Pages: what any HTML page of avianvox is made of. A page needs nothing else: no file, no server.

`blocks` holds what a page says (sections, tables, charts), `plot` draws charts as small SVG pictures, `clips`
cuts sounds and spectrograms, `page` puts all of it into one document; `markup` escapes whatever is text.
"""
