// The sign-in link was opened on purpose by a person's browser: press the button for them.
document.getElementById("enter")?.requestSubmit();
