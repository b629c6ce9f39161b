// OHIF 3.13 before the gateway. The API key is asked for and stays in this tab.
const gateway = 'http://localhost:8080';

function bearer() {
  const kept = sessionStorage.getItem('gateway-key') || window.prompt('API key of the gateway') || '';
  sessionStorage.setItem('gateway-key', kept);
  return `Bearer ${kept}`;
}

window.config = {
  routerBasename: null,
  showStudyList: true,
  modes: [],
  customizationService: {},
  maxNumberOfWebWorkers: 2,
  showWarningMessageForCrossOrigin: false,
  defaultDataSourceName: 'gateway',
  dataSources: [{
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
    sourceName: 'gateway',
    configuration: {
      friendlyName: 'Veilgate',
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
      bulkDataURI: { enabled: true },
      dicomUploadEnabled: true,
    },
  }],
  extensions: [{
    id: 'gateway-key',
    preRegistration: ({ servicesManager }) => servicesManager.services.userAuthenticationService
      .setServiceImplementation({ getAuthorizationHeader: () => ({ Authorization: bearer() }) }),
  }],
};
