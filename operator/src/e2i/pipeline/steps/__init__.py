"""What each step does, one module each: do(loop) does it, inputs(loop) and world(loop) name what it depends on.

`inputs` are in the project and in what earlier steps gave; `world` is what may change outside of both. When a step is
done, only its own world is looked at: a command for one step needs no options of the others.
"""
