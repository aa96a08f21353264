package s3store

// HTTPClient is for tests of stalled connections.
var HTTPClient = httpClient

// Signed is for the benchmark that shows what it saves.
var Signed = signed
