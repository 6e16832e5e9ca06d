"""The sandbox ledger: an embedded permissioned ledger in one file, for training and tests, and an adapter to read.

    blocks.py     what is on the chain, byte for byte: genesis, validators, header, leaf. Pure
    evidence.py   what `sandbox/1` evidence holds. Pure
    verifier.py   checks it. Pure
    ledger.py     the file
    source.py     reads it for a gateway
    sink.py       writes to it for a gateway
    office.py     writes to it for an office of its own
    settings.py   what a configuration says about it
    thread.py     the thread that source and sink work on it in
    adapter.py    the object that puts these together

Start with `docs/how-to/write-an-adapter.md`.
"""
