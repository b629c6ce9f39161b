// Stands between browser and gateway and records every exchange whole: URL, headers and body of each response, preflights
// and pictures the browser no longer wanted included, which a browser's own log leaves out. Changes nothing of what passes.
import { createServer, request as ask } from 'node:http';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export class Record {
  constructor(folder) {
    this.folder = folder;
    this.responses = [];
    this.texts = [];
    this.foreign = new Set();
    this.open = 0;
    mkdirSync(folder, { recursive: true });
  }

  /** A text that was to be seen. */
  text(where, text) {
    this.texts.push({ where, text });
  }

  /** Listen on `port` for what goes to `gateway`; the function that ends it. */
  async between(port, gateway) {
    const server = createServer((request, response) => this.#pass(request, response, gateway));
    await new Promise((ready) => server.listen(port, '127.0.0.1', ready));
    return () => { server.close(); server.closeAllConnections(); };
  }

  /** Note what a browser context says, and every server it asks besides these. */
  attach(context, known) {
    context.on('console', (message) => this.text('console', message.text()));
    context.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (/^(http|ws)s?:$/.test(protocol) && !known.includes(origin)) this.foreign.add(origin);
    });
  }

  /** The record, once nothing is on its way any more. */
  async whole() {
    while (this.open > 0) await new Promise((later) => setTimeout(later, 50));
    return { responses: this.responses, texts: this.texts, foreign: [...this.foreign] };
  }

  #pass(request, response, gateway) {
    this.open += 1;
    const { method, url, rawHeaders } = request;
    const upstream = ask(new URL(url, gateway), { method, headers: rawHeaders }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('close', () => this.#keep(method, url, rawHeaders, answer, Buffer.concat(chunks)));
      response.writeHead(answer.statusCode, answer.rawHeaders);
      // The answer is read to its end even when the browser has gone.
      answer.on('data', (chunk) => response.write(chunk));
      answer.on('end', () => response.end());
    });
    upstream.on('error', (error) => { this.open -= 1; response.destroy(error); });
    request.pipe(upstream);
  }

  #keep(method, url, asked, answer, body) {
    const path = join(this.folder, `${this.responses.length}.body`);
    writeFileSync(path, body);
    const { statusCode: status, rawHeaders: headers, complete } = answer;
    this.responses.push({ method, url, asked: pairs(asked), status, headers: pairs(headers), body: path, complete });
    this.open -= 1;
  }
}

/** Names (in lower case) and values of headers as they came. */
function pairs(raw) {
  return raw.flatMap((name, at) => (at % 2 === 0 ? [[name.toLowerCase(), raw[at + 1]]] : []));
}
