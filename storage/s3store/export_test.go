package s3store

// HTTPClient is for tests of stalled connections.
var HTTPClient = httpClient

// Signed is for the benchmark that shows what it saves.
var Signed = signed

// NewRetryer is for tests of what is sent again, and after how long.
var NewRetryer = newRetryer

// UnseenFor is how long what was written may be invisible.
const UnseenFor = unseenFor
