// What common.py is to Python: the same features, told in the same words.
export const KEY = process.env.HEADGATE_KEY;
export const MODEL = process.env.HEADGATE_MODEL;
export const PIXEL = process.env.HEADGATE_PIXEL;
export const SAY = "say: one two three four five";
export const CALL = '[[sim:tool=see {"at": "lake"}]] [[sim:tool=see {"at": "shore"}]]';
export const LIMITED = "[[sim:fault=throttled]]";
export const WRONG = "[[sim:fault=400]]";
export const CUT = "[[sim:tokens=60 rate=100]] [[sim:fault=cut]]";
export const PLACE = {
  type: "object",
  properties: { at: { type: "string" } },
  required: ["at"],
};

export const see = ({ at }) => `a heron at the ${at}`;
export const user = (content) => ({ role: "user", content });

/** The status of the exception that asking raises. */
export async function refusal(ask) {
  try {
    return { answered: await ask() };
  } catch (error) {
    return error.status ?? String(error);
  }
}

/** Whether a stream that breaks is told to whoever reads it. */
export async function broken(read) {
  try {
    return { ended: await read() };
  } catch {
    return "raised";
  }
}

/** Try every feature over every way, the ways side by side, and tell what came of it. */
export async function play(version, connect, features) {
  const over = async ([way, url]) => {
    const client = connect(url);
    for (const [feature, run] of Object.entries(features)) {
      const saw = await run(client).catch(String);
      console.log(JSON.stringify({ version, way, feature, saw }));
    }
  };
  await Promise.all(Object.entries(JSON.parse(process.env.HEADGATE_WAYS)).map(over));
}
