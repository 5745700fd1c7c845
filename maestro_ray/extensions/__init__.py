"""What agents are given beside a task: skills, definitions, MCP servers, hooks, and plugins that bring them."""
