// Drives a Toxiproxy server, at the URL given, with npm's toxiproxy-node-client: its answers, and what happens to data.

const assert = require("node:assert");
const net = require("node:net");
const { Toxiproxy } = require("toxiproxy-node-client");

/** Starts a server that sends back what it gets; resolves to its port. */
function echo() {
  const server = net.createServer((socket) => socket.on("error", () => {}).pipe(socket));
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
}

/** Resolves to the milliseconds a message takes there and back, on a connection of its own. */
function roundTrip(listen) {
  const [host, port] = listen.split(":");
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), host, () => {
      const start = performance.now();
      let back = "";
      socket.on("data", (part) => {
        back += part;
        if (back.length < "hello".length) return;
        resolve(performance.now() - start);
        socket.destroy();
      });
      socket.once("close", () => reject(new Error("closed without an answer")));
      socket.write("hello");
    });
    socket.on("error", reject);
  });
}

async function main(url) {
  const toxiproxy = new Toxiproxy(url);
  const upstream = `127.0.0.1:${await echo()}`;
  const asked = { name: "node", listen: "localhost:0", upstream };

  const proxy = await toxiproxy.createProxy(asked);
  assert.equal(proxy.name, "node");
  assert.match(proxy.listen, /^127\.0\.0\.1:[1-9]\d*$/);
  await assert.rejects(toxiproxy.createProxy(asked));
  assert((await roundTrip(proxy.listen)) < 200);

  const attributes = { latency: 300, jitter: 0 };
  const slow = await proxy.addToxic({ name: "slow", type: "latency", stream: "downstream", toxicity: 1, attributes });
  assert((await roundTrip(proxy.listen)) >= 300, "the toxic delays");
  const changed = await slow.update({ attributes: { latency: 10, jitter: 0 }, toxicity: 1 });
  assert.equal(changed.attributes.latency, 10);
  const quicker = await roundTrip(proxy.listen);
  assert(quicker >= 10 && quicker < 300, "the update counts");
  assert.equal((await proxy.getToxic("slow")).type, "latency");
  await slow.remove();
  await assert.rejects(proxy.getToxic("slow"));

  const limit = { name: "limit", type: "limit_data", stream: "upstream", toxicity: 1, attributes: { bytes: 2 } };
  await proxy.addToxic(limit);
  await assert.rejects(roundTrip(proxy.listen), "the limit cuts");

  await proxy.update({ enabled: false, listen: proxy.listen, upstream });
  assert.equal((await toxiproxy.get("node")).enabled, false);
  await assert.rejects(roundTrip(proxy.listen), { code: "ECONNREFUSED" });
  await toxiproxy.reset();
  const healed = await toxiproxy.get("node");
  assert.equal(healed.enabled, true);
  assert((await roundTrip(healed.listen)) < 200);

  const several = ["a", "b"].map((name) => ({ ...asked, name }));
  assert.equal(Object.keys(await toxiproxy.populate(several)).length, 2);
  const all = await toxiproxy.getAll();
  assert.deepEqual(Object.keys(all).sort(), ["a", "b", "node"]);
  for (const each of Object.values(all)) await each.remove();
  assert.deepEqual(Object.keys(await toxiproxy.getAll()), []);
  await assert.rejects(toxiproxy.get("none"));
}

main(process.argv[2]).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
