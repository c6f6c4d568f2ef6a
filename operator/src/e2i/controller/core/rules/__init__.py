"""The rules that `core.plan` asks in their order: each recognises one situation, or returns None."""
