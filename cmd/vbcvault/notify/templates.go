package notify

import (
	"encoding/json"
	"strings"
)

// Limits of Slack: api.slack.com/reference/block-kit/blocks.
const (
	slackHeader = 150
	slackText   = 3000
)

// object is a JSON object of somebody else's form.
type object = map[string]any

// slack is a message as Slack's incoming webhooks take it. Its texts are of the kinds
// that Slack shows as they are; only the one for notifications knows marks, and these
// are escaped.
func slack(m Message) ([]byte, error) {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
	blocks := []object{{"type": "header", "text": object{"type": "plain_text", "text": shorten(icon(m.Kind)+" "+m.Title, slackHeader), "emoji": true}}}
	section := func(text string) {
		blocks = append(blocks, object{"type": "section", "text": object{"type": "plain_text", "text": shorten(text, slackText), "emoji": false}})
	}
	for _, p := range m.Points {
		section(p.asText())
	}
	if len(m.Counts) > 0 {
		section(m.counts())
	}
	code := func(title, text string) {
		blocks = append(blocks, object{"type": "rich_text", "elements": []object{
			{"type": "rich_text_section", "elements": []object{{"type": "text", "text": title}}},
			{"type": "rich_text_preformatted", "elements": []object{{"type": "text", "text": shorten(text, slackText)}}},
		}})
	}
	if len(m.Commands) > 0 {
		code(m.seeMore(), strings.Join(m.Commands, "\n"))
	}
	if m.Checkpoint != "" {
		code(keepThis, m.Checkpoint)
	}
	return json.Marshal(object{"text": escape(m.Title), "blocks": blocks})
}

// teams is a message as the workflow "When a Teams webhook request is received" takes
// it: an adaptive card. Text runs of a rich text block know no marks.
func teams(m Message) ([]byte, error) {
	run := func(text string, with object) object {
		o := object{"type": "TextRun", "text": text}
		for k, v := range with {
			o[k] = v
		}
		return object{"type": "RichTextBlock", "inlines": []object{o}}
	}
	color := map[Kind]string{Failure: "Attention", Recovery: "Good", News: "Warning"}[m.Kind]
	if color == "" {
		color = "Default"
	}
	items := []object{run(m.Title, object{"weight": "Bolder", "size": "Medium", "color": color})}
	for _, p := range m.Points {
		items = append(items, run(p.asText(), nil))
	}
	if len(m.Counts) > 0 {
		items = append(items, run(m.counts(), object{"isSubtle": true}))
	}
	if len(m.Commands) > 0 {
		items = append(items, run(m.seeMore(), nil), run(strings.Join(m.Commands, "\n"), object{"fontType": "Monospace"}))
	}
	if m.Checkpoint != "" {
		items = append(items, run(keepThis, nil), run(m.Checkpoint, object{"fontType": "Monospace"}))
	}
	card := object{"type": "AdaptiveCard", "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "version": "1.4",
		"msteams": object{"width": "Full"}, "body": items}
	return json.Marshal(object{"type": "message", "attachments": []object{
		{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil, "content": card}}})
}

// asText is a point with what to do.
func (p Point) asText() string {
	if p.Advice == "" {
		return p.line()
	}
	return p.line() + "\nWhat to do: " + p.Advice
}

// icon says a kind at a glance.
func icon(k Kind) string {
	switch k {
	case Failure:
		return "🔴"
	case Recovery, Done:
		return "🟢"
	case News:
		return "🟡"
	}
	return "⚪"
}
