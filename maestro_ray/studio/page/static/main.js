// Where the page's script begins. Without it the page can be read and its forms work; with it the page is live.
import { startBoard } from "./board.js";
import { startForms } from "./forms.js";
import { startLive } from "./live.js";
import { startOutput } from "./output.js";
import { startPlaces } from "./places.js";
import { startTheme } from "./theme.js";
import { startTicks } from "./ticks.js";

startTicks();
startTheme();
startOutput();
startPlaces();
const renew = startLive();
startForms(renew);
startBoard();
