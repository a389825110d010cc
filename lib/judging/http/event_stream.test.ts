import test from 'ava';
import { against, answered, OK, said, type Reply } from '../../testing/endpoint_run';
import type { Completion } from '../completer';
import { bodyOfEvents, isEventStream } from './event_stream';

const delta = (part: object, finish: unknown = null, more: object = {}) => ({
  choices: [{ index: 0, delta: part, finish_reason: finish, ...more }],
});
const events = (...list: unknown[]) =>
  list.map((event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`).join('');
const stream = (body: string, type = 'text/event-stream; charset=utf-8'): Reply => ({
  status: 200,
  body,
  headers: { 'content-type': type },
});
const USAGE = { choices: [], usage: { prompt_tokens: 5, completion_tokens: 3 } };
const COUNTED = { usage: { promptTokens: 5, completionTokens: 3 } };
const PIECES = [delta({ role: 'assistant', content: '' }), delta({ content: '我认为 ' }), delta({ content: '[[A]]' })];
const WHOLE = events(...PIECES, delta({}, 'stop'), USAGE, '[DONE]');
const probabilities = { logprobs: { content: [{ token: 'A', top_logprobs: [{ token: 'A', logprob: -0.1 }] }] } };

const GOOD: [what: string, Reply, Partial<Completion>][] = [
  ['as OpenAI streams', stream(WHOLE), COUNTED],
  ['not named as events', stream(WHOLE, 'application/json'), COUNTED],
  [
    'comments that keep the connection alive',
    stream(`: OPENROUTER PROCESSING\n\n:\n\n${WHOLE.replaceAll('\n\n', '\n\n: ping\n\n')}`),
    COUNTED,
  ],
  ['lines that end in CRLF', stream(WHOLE.replaceAll('\n', '\r\n')), COUNTED],
  ['lines that end in CR', stream(WHOLE.replaceAll('\n', '\r')), COUNTED],
  ['no space after the colon', stream(WHOLE.replaceAll('data: ', 'data:')), COUNTED],
  [
    'names and numbers of events',
    stream(WHOLE.replaceAll('data: ', 'id: 1\nevent: message\nretry: 9\ndata: ')),
    COUNTED,
  ],
  ['no empty lines between events', stream(WHOLE.replaceAll('\n\n', '\n')), COUNTED],
  [
    'data in several lines',
    stream(
      'data: ' +
        `${JSON.stringify(delta({ content: '我认为 [[A]]' }, 'stop'), null, 1).replaceAll('\n', '\ndata: ')}\n\ndata: ` +
        '[DONE]\n\n',
    ),
    {},
  ],
  ['without a finish reason', stream(events(...PIECES, '[DONE]')), { finish: 'other' }],
  ['without [DONE]', stream(events(...PIECES, delta({}, 'stop'))), {}],
  ['without a last line end', stream(events(...PIECES, delta({}, 'stop')).trimEnd()), {}],
  [
    'counts in the last piece',
    stream(events(...PIECES, { ...delta({}, 'stop'), usage: USAGE.usage }, '[DONE]')),
    COUNTED,
  ],
  [
    'counts in every piece, the last being whole',
    stream(
      events(
        { ...PIECES[0]!, usage: { prompt_tokens: 5, completion_tokens: 0 } },
        ...PIECES.slice(1),
        { ...delta({}, 'stop'), usage: USAGE.usage },
        '[DONE]',
      ),
    ),
    COUNTED,
  ],
  [
    'thoughts apart',
    stream(
      events(
        delta({ reasoning_content: 'hm, ' }),
        delta({ reasoning_content: '[[B]]?', content: null }),
        ...PIECES,
        delta({}, 'stop'),
        '[DONE]',
      ),
    ),
    { reasoning: 'hm, [[B]]?' },
  ],
  [
    'thoughts as "reasoning"',
    stream(events(delta({ reasoning: 'hm' }), ...PIECES, delta({}, 'stop'), '[DONE]')),
    { reasoning: 'hm' },
  ],
  ['cut at the token limit', stream(events(...PIECES, delta({}, 'length'), '[DONE]')), { finish: 'length' }],
  [
    'a whole message at the end',
    stream(events(...PIECES, { choices: [{ index: 0, message: { content: '我认为 [[A]]' }, finish_reason: 'stop' }] })),
    {},
  ],
  ['one event that is the whole answer', stream(events({ ...answered('我认为 [[A]]') }, '[DONE]')), COUNTED],
  [
    'another choice beside it',
    stream(events(...PIECES, { choices: [{ index: 1, delta: { content: '[[B]]' } }] }, delta({}, 'stop'), '[DONE]')),
    {},
  ],
  [
    'content in parts',
    stream(
      events(
        delta({ content: [{ type: 'text', text: '我认为 ' }] }),
        delta({ content: [{ type: 'text', text: '[[A]]' }] }),
        delta({}, 'stop'),
        '[DONE]',
      ),
    ),
    {},
  ],
  [
    'Azure, which begins with an event of its filter',
    stream(
      events({ choices: [], prompt_filter_results: [{ prompt_index: 0 }] }, ...PIECES, delta({}, 'stop'), '[DONE]'),
    ),
    {},
  ],
];
for (const [what, reply, expected] of GOOD) {
  test(`an answer in events, although nobody asked for them: ${what}`, (t) =>
    against(
      t,
      () => reply,
      async ({ ask, server }) => {
        t.like((await ask(['q']))[0], { text: '我认为 [[A]]', finish: 'stop', ...expected });
        t.is(server.log.length, 1);
        t.is(server.log[0]!.request['stream'], undefined);
      },
    ));
}

const BROKEN: [what: string, Reply][] = [
  ['cut between events', stream(events(...PIECES))],
  ['cut in an event', stream(`${events(...PIECES)}data: {"choices":[{"del`)],
  ['an event that is no JSON', stream(events(...PIECES, '{nothing}', delta({}, 'stop'), '[DONE]'))],
  ['nothing but the end', stream('data: [DONE]\n\n')],
  ['nothing but comments', stream(': ping\n\n: ping\n\n')],
  ['an error in the middle', stream(events(...PIECES, said('engine died', 500)))],
  [
    'an error by its event',
    stream(`${events(...PIECES)}event: error\n${events({ error: { message: 'overloaded' } })}`),
  ],
  ['vLLM error object', stream(events(...PIECES, { object: 'error', message: 'EngineDead', code: 500 }))],
  ['MiniMax, too many', stream(events({ choices: [], base_resp: { status_code: 1002, status_msg: 'limit' } }))],
  ['GLM network_error', stream(events(...PIECES, delta({}, 'network_error'), '[DONE]'))],
];
for (const [what, reply] of BROKEN) {
  test(`events that make no answer are asked for again and not kept: ${what}`, (t) =>
    against(
      t,
      (_, attempt) => (attempt === 0 ? reply : OK),
      async ({ ask, server, kept }) => {
        t.like((await ask(['q']))[0], { text: '[[A]]' });
        t.is(server.log.length, 2);
        t.is(kept().trimEnd().split('\n').length, 1);
        t.false(kept().includes('我认为'));
      },
    ));
}

test('refused in the middle of a stream', (t) =>
  against(
    t,
    ({ messages }) =>
      stream(
        messages[0]!.content === 'a'
          ? events(...PIECES, said('Content Exists Risk'))
          : events(...PIECES, delta({}, 'sensitive'), '[DONE]'),
      ),
    async ({ ask, server }) => {
      t.deepEqual(
        (await ask(['a', 'b'])).map(({ finish }) => finish),
        ['filtered', 'filtered'],
      );
      t.is(server.log.length, 2);
    },
  ));

const ONLY_STREAMS = [
  said(
    'This model only support stream mode, please enable the stream parameter to access the model. ',
    'invalid_parameter_error',
    'invalid_request_error',
  ),
  said('parameter.enable_thinking must be set to false for non-streaming calls', 'invalid_parameter_error'),
  { detail: 'Stream must be set to true' },
  said('stream is required to be true for this endpoint'),
  said('该模型仅支持流式调用', 'invalid_parameter'),
];
for (const [i, body] of ONLY_STREAMS.entries()) {
  test(`an endpoint that only streams is asked so, once it has said so: ${i + 1}`, (t) =>
    against(
      t,
      (request) => (request['stream'] === true ? stream(WHOLE) : { status: 400, body }),
      async ({ ask, server, completer }) => {
        t.deepEqual(
          (await ask(['a', 'b', 'c'])).map(({ text }) => text),
          Array(3).fill('我认为 [[A]]'),
        );
        t.is(server.log.length, 4);
        t.like(server.log.at(-1)!.request, { stream: true, stream_options: { include_usage: true } });
        t.regex((completer.describe() as { notes: string[] }).notes.join(), /only streams/);
      },
      { concurrency: 1 },
    ));
}

test('an endpoint that streams and does not know stream_options', (t) =>
  against(
    t,
    (request) =>
      request['stream_options']
        ? { status: 400, body: said('Unrecognized request argument supplied: stream_options') }
        : stream(events(...PIECES, delta({}, 'stop'), '[DONE]')),
    async ({ ask, server, completer }) => {
      t.like((await ask(['a', 'b']))[1], { text: '我认为 [[A]]' });
      t.is(server.log.length, 3);
      t.regex((completer.describe() as { notes: string[] }).notes.join(), /does not count tokens/);
    },
    { concurrency: 1, extra: { stream: true } },
  ));

test('the probabilities of the first token come with their piece', (t) => {
  const body = bodyOfEvents(
    events(delta({ role: 'assistant' }), delta({ content: 'A' }, null, probabilities), delta({}, 'length'), '[DONE]'),
  );
  t.like(body, { choices: [{ finish_reason: 'length', logprobs: probabilities.logprobs }] });
});

test('what is taken for events', (t) => {
  t.true(isEventStream('text/event-stream', 'data: {}'));
  t.true(isEventStream(null, '\n: ping\n\ndata: {}'));
  t.true(isEventStream('text/plain', 'event: x\ndata: {}'));
  t.false(isEventStream('text/event-stream', ' {"choices": []}'), 'an answer under a wrong name');
  t.false(isEventStream('application/json', 'database error'));
});
