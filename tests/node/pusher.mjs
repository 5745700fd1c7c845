// pusher-js as a page would use it: Bearer authorisation, form-encoded as it does by default.

import Pusher from "pusher-js";
import { obey, place, tell } from "./stdio.mjs";

const pusher = new Pusher(place.key, {
  cluster: "",
  wsHost: "127.0.0.1",
  wsPort: place.port,
  forceTLS: false,
  enabledTransports: ["ws"],
  channelAuthorization: {
    endpoint: `http://127.0.0.1:${place.port}/broadcasting/auth`,
    headers: { Authorization: `Bearer ${place.token}` },
  },
});

pusher.connection.bind("state_change", ({ current }) => tell("state", { state: current }));
pusher.connection.bind("error", ({ type, error, data }) => tell("error", { type, code: (data ?? error?.data)?.code }));

obey({
  subscribe({ channel }) {
    const subscription = pusher.subscribe(channel);
    subscription.bind_global((event, data) => {
      if (event === "pusher:subscription_succeeded") tell("subscribed", { channel, members: data?.members });
      else if (event === "pusher:subscription_error") tell("refused", { channel, status: data.status });
      else tell("event", { channel, event, data });
    });
    // only who binds an event by its name learns who sent it
    subscription.bind("client-hello", (_, { user_id }) => tell("hello", { channel, from: user_id }));
  },
  unsubscribe: ({ channel }) => pusher.unsubscribe(channel),
  members({ channel }) {
    const { members, me, count } = pusher.channel(channel).members;
    tell("members", { members, me, count });
  },
  trigger: ({ channel, event, data }) => pusher.channel(channel).trigger(event, data),
});
