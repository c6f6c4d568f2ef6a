"""What each step does, one module each: inputs(loop) names what it depends on, do(loop) does it."""
