#!/bin/sh
# Makes calls.mp3 and frames.txt from lines.txt, as a telephone system would: 8 kHz mono,
# MPEG-2.5 layer III, constant 16 kbit/s, no tags, frames that don't borrow bits from each
# other, so that clips can be joined by their bytes. frames.txt has the frames of each
# clip: first a pause, then music on hold, then the lines in their order.
# With 8 kbit/s most of what is above 2 kHz would be gone, and with it many consonants.
# Needs espeak-ng, sox and lame.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# add encodes clip.wav and adds it. A frame has 144 bytes.
add() {
	lame --quiet -t --nores -m m -b 16 --cbr --resample 8 "$tmp/clip.wav" "$tmp/clip.mp3"
	cat "$tmp/clip.mp3" >>"$tmp/calls.mp3"
	echo $(($(wc -c <"$tmp/clip.mp3") / 144)) >>"$tmp/frames.txt"
}

sox -D -n -r 8000 -c 1 -b 16 "$tmp/clip.wav" trim 0 0.1
add
for note in C4 E4 G4 A4 G4 E4; do
	sox -D -n -r 8000 -c 1 -b 16 "$tmp/note-$note.wav" synth 0.5 pluck $note fade 0 0.5 0.1 gain -n -14
	set -- "$@" "$tmp/note-$note.wav"
done
sox -D "$@" "$tmp/clip.wav"
add
awk -F ' [|] ' '
	/^#/ { next }
	/^scene / { split($0, w, " "); voice["agent"] = w[5]; voice["caller"] = w[6] }
	NF == 3 { print voice[$2] "\t" $3 }
' lines.txt >"$tmp/lines"
while IFS="$(printf '\t')" read -r voice text; do
	espeak-ng -v "$voice" -s 180 -w "$tmp/line.wav" "$text"
	sox -D "$tmp/line.wav" -r 8000 -c 1 -b 16 "$tmp/clip.wav" \
		silence 1 0.02 0.4% reverse silence 1 0.02 0.4% reverse pad 0.02 0.05 gain -n -4
	add
done <"$tmp/lines"
mv "$tmp/calls.mp3" "$tmp/frames.txt" .
