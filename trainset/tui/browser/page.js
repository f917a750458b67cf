// textual.js made the terminal when this runs; keys are to go there without a click.
addEventListener("load", () => document.querySelector(".textual-terminal textarea").focus());
