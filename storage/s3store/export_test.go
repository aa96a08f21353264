package s3store

import "github.com/aws/smithy-go/logging"

// HTTPClient is for tests of stalled connections.
var HTTPClient = httpClient

// Signed is for the benchmark that shows what it saves.
var Signed = signed

// NewRetryer is for tests of what is sent again, and after how long.
var NewRetryer = newRetryer

// UnseenFor is how long what was written may be invisible.
const UnseenFor = unseenFor

// SDKLogger is where the SDK writes what it has to say of its own.
func (s *Store) SDKLogger() logging.Logger { return s.client.Options().Logger }
