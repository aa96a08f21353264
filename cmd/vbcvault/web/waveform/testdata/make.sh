#!/bin/sh
# Makes what the tests compare waveforms with: speech in other versions of MPEG, and how
# loud each tenth of a second is once it is decoded. Needs espeak-ng, sox and lame.
set -e
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
espeak-ng -v en -s 150 --stdout "Good morning. Please hold the line, somebody will be with you." | sox -t wav - "$tmp/speech.wav" pad 0.5@0 1@1.2 0.5
sox "$tmp/speech.wav" -r 44100 -c 2 "$tmp/stereo.wav"
sox "$tmp/speech.wav" -r 22050 -c 1 "$tmp/mono.wav"
lame --quiet -m j -b 48 --resample 44.1 --tt Title --id3v2-only "$tmp/stereo.wav" mpeg1-stereo.mp3
lame --quiet -m m -V 7 --resample 22.05 --ta Artist "$tmp/mono.wav" mpeg2-vbr.mp3
for f in mpeg1-stereo.mp3 mpeg2-vbr.mp3 ../../../../../vbc/vbctest/audio/speech.mp3; do
	lame --quiet --decode "$f" "$tmp/decoded.wav"
	sox "$tmp/decoded.wav" -t f64 -c 1 -r 8000 - | od -An -v -t f8 -w8 |
		awk '{ e += $1 * $1 } NR % 800 == 0 { printf "%.5f\n", sqrt(e / 800); e = 0 }' > "$(basename "$f" .mp3).levels"
done
