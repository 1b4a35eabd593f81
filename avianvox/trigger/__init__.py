"""What happens as a live event has ended: its sound is kept, and a command of the user is run.

Start with `avianvox.trigger.trigger.Trigger`, which is told of each event and has the two others:
`avianvox.trigger.clips.ClipFolder` and `avianvox.trigger.commands.Commands`. None of them makes listening
wait for long, or ends it: what goes wrong is one line and is counted.
"""
