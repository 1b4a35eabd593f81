"""Generating patches of spectrograms: a conditional GAN, its samples, and what they are worth.

`conditions` says what is asked for, `networks` are the two adversaries, `train` fits them into a run folder
(`run`), `samples` draws from it, `quality` compares samples with real patches, and `compare` measures whether
a classifier that learns from them too is better on sessions that nothing has heard.

What is generated is marked, and no evaluation takes it for real.
"""
