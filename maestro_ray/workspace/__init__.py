"""The git side: remotes, repositories, worktrees, merges."""
