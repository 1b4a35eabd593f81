"""Synthetic scenes: calls of real recordings, pasted on backgrounds, with known boxes and counts.

`parts` keeps sessions of clips and backgrounds on one side, `cuts` finds calls in clips and takes them out,
`plan` draws who calls when in a scene, `mix` makes its sound in blocks, `make` writes the folder. Start with
`avianvox.scenes.make.make_scenes`. Everything that is made says so (`avianvox.types.Recording.origin`).
"""
