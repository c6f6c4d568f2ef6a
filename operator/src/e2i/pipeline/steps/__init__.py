"""One module for each step. run(loop) runs it; inputs(loop) and external_inputs(loop) name what it depends on.

`inputs` come from the project and from earlier steps, `external_inputs` from other systems and options. Only the step
that runs has its `external_inputs` read: a command for one step does not need the options of the others.
"""
