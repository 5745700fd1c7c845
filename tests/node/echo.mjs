// laravel-echo as a Laravel page would use it with Reverb.

import Echo from "laravel-echo";
import Pusher from "pusher-js";
import { obey, place, tell } from "./stdio.mjs";

const echo = new Echo({
  broadcaster: place.broadcaster,
  Pusher,
  key: place.key,
  cluster: "",
  wsHost: "127.0.0.1",
  wsPort: place.port,
  forceTLS: false,
  enabledTransports: ["ws"],
  authEndpoint: `http://127.0.0.1:${place.port}/broadcasting/auth`,
  bearerToken: place.token,
});

echo.connector.pusher.connection.bind("state_change", ({ current }) => tell("state", { state: current }));

obey({
  private({ channel, event }) {
    echo
      .private(channel)
      .subscribed(() => tell("subscribed", { channel }))
      .error(({ status }) => tell("refused", { channel, status }))
      .listen(event, (data) => tell("event", { channel, event, data }))
      .listenForWhisper("typing", (data) => tell("whisper", { channel, data }));
  },
  whisper: ({ channel, data }) => echo.private(channel).whisper("typing", data),
  join({ channel }) {
    echo
      .join(channel)
      .here((members) => tell("here", { channel, members }))
      .joining((member) => tell("joining", { channel, member }))
      .leaving((member) => tell("leaving", { channel, member }));
  },
  leave: ({ channel }) => echo.leave(channel),
});
