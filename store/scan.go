package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// At scans a time, which SQLite has in microseconds. NULL is the zero time.
func At(into *time.Time) any { return instant{into} }

type instant struct{ into *time.Time }

// Scan implements sql.Scanner.
func (i instant) Scan(stored any) error {
	switch value := stored.(type) {
	case nil:
		*i.into = time.Time{}
	case int64:
		*i.into = time.UnixMicro(value).UTC()
	default:
		return fmt.Errorf("read time: stored as %T", stored)
	}
	return nil
}

// ScanTimestamptz implements pgtype.TimestamptzScanner.
func (i instant) ScanTimestamptz(stored pgtype.Timestamptz) error {
	*i.into = time.Time{}
	if stored.Valid {
		*i.into = stored.Time.UTC()
	}
	return nil
}

// JSON scans text that is JSON; NULL leaves the value as it is.
func JSON(into any) any { return decoded{into} }

type decoded struct{ into any }

// Scan implements sql.Scanner.
func (d decoded) Scan(stored any) error {
	switch text := stored.(type) {
	case nil:
		return nil
	case string:
		return d.decode(text)
	default:
		return fmt.Errorf("decode %T: stored as %T", d.into, stored)
	}
}

// ScanText implements pgtype.TextScanner.
func (d decoded) ScanText(stored pgtype.Text) error {
	if !stored.Valid {
		return nil
	}
	return d.decode(stored.String)
}

func (d decoded) decode(text string) error {
	if err := json.Unmarshal([]byte(text), d.into); err != nil {
		return fmt.Errorf("decode %T: %w", d.into, err)
	}
	return nil
}

// AsJSON writes a value as JSON text, for columns that nobody searches.
func AsJSON(value any) driver.Valuer { return written{value} }

type written struct{ value any }

// Value implements driver.Valuer.
func (w written) Value() (driver.Value, error) { return encode(w.value) }

// TextsOf are values as JSON text, for a column of several rows.
func TextsOf[T any](values []T) ([]string, error) {
	texts := make([]string, len(values))
	for i, value := range values {
		var err error
		if texts[i], err = encode(value); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

func encode(value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("encode %T: %w", value, err)
	}
	return string(text), nil
}
