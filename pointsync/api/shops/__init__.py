"""Connected shops: a plugin exchanges a code for a key, reports its state, moves and disconnects."""
