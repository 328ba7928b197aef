"""Points and Rewards: reserves, rewards, expiry, settlement."""
