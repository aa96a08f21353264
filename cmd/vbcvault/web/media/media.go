// Package media sends audio to browsers: whole or in ranges, checked against its SHA-256
// where all of it passes by.
package media
