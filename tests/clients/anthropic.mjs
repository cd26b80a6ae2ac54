// The Anthropic SDK for TypeScript.
import Anthropic from "@anthropic-ai/sdk";
import { VERSION } from "@anthropic-ai/sdk/version.mjs";
import {
  CALL, CUT, KEY, LIMITED, MODEL, PIXEL, PLACE, SAY, WRONG, broken, play, refusal, see, user,
} from "./common.mjs";

const connect = (baseURL) => new Anthropic({ apiKey: KEY, baseURL, maxRetries: 0 });
const ask = (content) => ({ model: MODEL, max_tokens: 200, messages: [user(content)] });

async function streamed(client) {
  const stream = client.messages.stream(ask(SAY));
  const pieces = [];
  stream.on("text", (piece) => pieces.push(piece));
  const message = await stream.finalMessage();
  return [pieces.join(""), pieces.length > 1, message.usage.output_tokens];
}

async function tools(client) {
  const offered = [{ name: "see", description: "Look at a place.", input_schema: PLACE }];
  const first = await client.messages.create({ ...ask(CALL), tools: offered });
  const results = first.content
    .filter((block) => block.type === "tool_use")
    .map(({ id, input }) => ({ type: "tool_result", tool_use_id: id, content: see(input) }));
  const told = [user(CALL), { role: "assistant", content: first.content }, user(results)];
  const second = await client.messages.create({ ...ask(""), messages: told, tools: offered });
  return second.content[0].text;
}

async function whole(client) {
  const message = await client.messages.create(ask(SAY));
  return [message.content[0].text, message.stop_reason, message.usage.output_tokens];
}

async function image(client) {
  const source = { type: "base64", media_type: "image/png", data: PIXEL };
  return (await client.messages.create(ask([{ type: "image", source }]))).content[0].text;
}

async function models(client) {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  return names.includes(MODEL);
}

await play(VERSION, connect, {
  answer: whole,
  stream: streamed,
  tools,
  image,
  429: (client) => refusal(() => client.messages.create(ask(LIMITED))),
  400: (client) => refusal(() => client.messages.create(ask(WRONG))),
  "broken stream": (client) => broken(() => client.messages.stream(ask(CUT)).finalMessage()),
  "count tokens": async (client) =>
    (await client.messages.countTokens({ model: MODEL, messages: [user(SAY)] })).input_tokens > 0,
  models,
});
