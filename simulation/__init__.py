"""Many short histories of the whole service under one seeded scheduler with a virtual clock.

    make simulate SEEDS=1000            a thousand histories; exit 1 with the seeds that broke a promise
    make simulate SEED=4711             the story of one history, step by step, and what broke

The planner, the store (an SQLite file), the dispatcher, the doors for events, receipts and replies, verification
codes, campaigns, publishing, sealing and retention are the real ones. Around them stand scripted people and machines:
shops that repeat, reorder and come late (`senders`), providers with every outcome and every order of receipts
(`carriers`), phones and operators (`people`), a disk that fills up and a process that dies at a commit (`disk`), a
clock that jumps (`world`). `history` picks the next step; `promises` holds the database and the providers' own count
against section "Simulation" of docs/reliability.md. The same seed is the same story, to the letter.
"""
