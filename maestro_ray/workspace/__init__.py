"""A project's git repository: worktrees for agents, merges and releases beside the checkout."""
