// Serves OHIF's built distribution on a loopback port of its own, so that the gateway is another origin to it, with a
// configuration that names the gateway as the one data source. Knows nothing of browsers.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.css': 'text/css', '.html': 'text/html', '.js': 'text/javascript', '.json': 'application/json',
  '.png': 'image/png', '.svg': 'image/svg+xml', '.wasm': 'application/wasm', '.woff2': 'font/woff2',
};

/** What OHIF needs to know of a gateway; the rest are OHIF's own defaults. */
function dataSource(gateway) {
  return {
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
    sourceName: 'gateway',
    configuration: {
      friendlyName: 'gateway',
      name: 'gateway',
      qidoRoot: `${gateway}/dicom-web`,
      wadoRoot: `${gateway}/dicom-web`,
      wadoUriRoot: `${gateway}/wado`,
      qidoSupportsIncludeField: true,
      supportsWildcard: true,
      imageRendering: 'wadors',
      thumbnailRendering: 'thumbnail',
      thumbnailRequestStrategy: 'fetch',
      enableStudyLazyLoad: true,
      dicomUploadEnabled: true,
      bulkDataURI: { enabled: true },
    },
  };
}

/** The script OHIF loads before it starts. With a key, every request carries it as a bearer token. */
function appConfig(gateway, key) {
  const config = {
    routerBasename: null, showStudyList: true, extensions: [], modes: [], customizationService: {},
    maxNumberOfWebWorkers: 2, showWarningMessageForCrossOrigin: false,
    defaultDataSourceName: 'gateway', dataSources: [dataSource(gateway)],
  };
  const bearer = JSON.stringify(`Bearer ${key}`);
  const extension = `window.config.extensions.push({
    id: 'gateway-key',
    preRegistration({ servicesManager }) {
      servicesManager.services.userAuthenticationService.setServiceImplementation({
        getAuthorizationHeader: () => ({ Authorization: ${bearer} }),
      });
    },
  });`;
  return `window.config = ${JSON.stringify(config)};\n${key ? extension : ''}`;
}

/** A file of the distribution; every other path is the application's own, which index.html starts. */
async function file(dist, path) {
  const wanted = join(dist, normalize(`/${path}`));
  const found = await readFile(wanted).then((body) => ({ name: wanted, body }), () => null);
  return found ?? { name: 'index.html', body: await readFile(join(dist, 'index.html')) };
}

/** Start serving; `{ url, close }`. Without a key the viewer has to be given one by its address (`?token=`). */
export async function serve(dist, gateway, key) {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://viewer').pathname);
    const { name, body } = path === '/app-config.js'
      ? { name: path, body: appConfig(gateway, key) }
      : await file(dist, path);
    response.writeHead(200, { 'Content-Type': TYPES[extname(name)] ?? 'application/octet-stream' });
    response.end(body);
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const close = () => { server.close(); server.closeAllConnections(); };
  return { url: `http://127.0.0.1:${server.address().port}`, close };
}
