// The OpenAI SDK for TypeScript.
import OpenAI from "openai";
import { VERSION } from "openai/version.mjs";
import {
  CALL, CUT, KEY, LIMITED, MODEL, PIXEL, PLACE, SAY, WRONG, broken, play, refusal, see, user,
} from "./common.mjs";

const connect = (url) => new OpenAI({ apiKey: KEY, baseURL: `${url}/v1`, maxRetries: 0 });
const ask = (content, more) => ({ model: MODEL, messages: [user(content)], ...more });

async function whole(client) {
  const { choices, usage } = await client.chat.completions.create(ask(SAY));
  return [choices[0].message.content, choices[0].finish_reason, usage.completion_tokens];
}

async function read(client, content) {
  const more = { stream: true, stream_options: { include_usage: true } };
  const chunks = [];
  for await (const chunk of await client.chat.completions.create(ask(content, more))) {
    chunks.push(chunk);
  }
  return chunks;
}

async function streamed(client) {
  const chunks = await read(client, SAY);
  const pieces = chunks.map((chunk) => chunk.choices[0]?.delta.content).filter(Boolean);
  return [pieces.join(""), pieces.length > 1, chunks.at(-1).usage.completion_tokens];
}

async function tools(client) {
  const see_ = { name: "see", description: "Look at a place.", parameters: PLACE };
  const offered = [{ type: "function", function: see_ }];
  const first = await client.chat.completions.create(ask(CALL, { tools: offered }));
  const { message } = first.choices[0];
  const results = message.tool_calls.map((call) => ({
    role: "tool",
    tool_call_id: call.id,
    content: see(JSON.parse(call.function.arguments)),
  }));
  const messages = [user(CALL), message, ...results];
  const second = await client.chat.completions.create({ model: MODEL, messages, tools: offered });
  return second.choices[0].message.content;
}

async function image(client) {
  const image_url = { url: `data:image/png;base64,${PIXEL}` };
  const answer = await client.chat.completions.create(ask([{ type: "image_url", image_url }]));
  return answer.choices[0].message.content;
}

async function responses(client) {
  const whole = await client.responses.create({ model: MODEL, input: SAY });
  const stream = client.responses.stream({ model: MODEL, input: SAY });
  const pieces = [];
  stream.on("response.output_text.delta", ({ delta }) => pieces.push(delta));
  const told = await stream.finalResponse();
  if (whole.output_text !== told.output_text) throw new Error(whole.output_text);
  return [pieces.join(""), pieces.length > 1, told.usage.output_tokens];
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
  429: (client) => refusal(() => client.chat.completions.create(ask(LIMITED))),
  400: (client) => refusal(() => client.chat.completions.create(ask(WRONG))),
  "broken stream": (client) => broken(() => read(client, CUT)),
  models,
  responses,
});
