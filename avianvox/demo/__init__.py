"""The whole line on synthetic voices: ``line`` runs it step by step, ``pictures`` draws what it made."""
