// Package waveform reckons how loud a recording is from moment to moment, without
// decoding it, and draws that.
package waveform
