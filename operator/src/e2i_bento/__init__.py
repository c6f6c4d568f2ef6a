"""Library inside each bento that e2i packages: reads a model's card, predicts, explains, counts.

It is copied into the bento's sources as it is, so it needs no more than BentoML, pydantic, NumPy and the packages of
the model itself, and imports nothing of `e2i`.
"""
