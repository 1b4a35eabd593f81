"""Audit: what a catalog and its splits give away without a bird being heard.

Start at `avianvox.audit.index.audit_recordings`. ``findings`` holds what an audit says. From the
catalog alone, ``shared`` looks at splits and ``classes`` at species; from the sound, ``sound`` asks
``duplicates`` (by ``fingerprint``) and ``probes`` (by ``facts``). ``durations`` is about models: how accuracy
goes with the length of a species' recordings.
"""
