package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/spf13/pflag"

	"github.com/waybillhq/waybill/internal/config"
)

// service is what is checked of a service of the compose file.
type service struct {
	Image       string            `json:"image"`
	Command     []string          `json:"command"`
	Environment map[string]string `json:"environment"`
	Volumes     []string          `json:"volumes"`
	ReadOnly    bool              `json:"read_only"`
	StopGrace   string            `json:"stop_grace_period"`
	Restart     string            `json:"restart"`
	Healthcheck struct {
		Test    []string `json:"test"`
		Disable bool     `json:"disable"`
	} `json:"healthcheck"`
	DependsOn map[string]struct {
		Condition string `json:"condition"`
	} `json:"depends_on"`
	Deploy struct {
		Replicas int `json:"replicas"`
	} `json:"deploy"`
}

// compose reads the compose file with the substitutions that a .env makes.
func compose(t *testing.T) map[string]service {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	substituted := regexp.MustCompile(`\$\{(\w+)(:[?-][^}]*)?\}`).ReplaceAllStringFunc(string(text), func(variable string) string {
		if strings.Contains(variable, "PASSWORD") && !strings.Contains(variable, ":?") {
			t.Errorf("%s has no value that must be given", variable)
		}
		if strings.Contains(variable, "PASSWORD") {
			return "hunter2"
		}
		return ""
	})
	parsed, err := yaml.Parser().Unmarshal([]byte(substituted))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := json.Marshal(parsed)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]service        `json:"services"`
		Volumes  map[string]map[string]any `json:"volumes"`
	}
	if err := json.Unmarshal(whole, &file); err != nil {
		t.Fatal(err)
	}
	for name, one := range file.Services {
		for _, volume := range one.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if _, declared := file.Volumes[source]; !declared {
				t.Errorf("%s: the volume %s is not declared", name, source)
			}
		}
	}
	return file.Services
}

// The compose file means what it says: settings that exist, commands that
// exist, one keyring, an order of the start.
func TestCompose(t *testing.T) {
	t.Parallel()
	services := compose(t)
	image := imageSettings(t)
	for _, role := range []string{"migrate", "api", "worker"} {
		one := services[role]
		if !slices.Equal(one.Command, []string{role}) || !one.ReadOnly || !slices.Contains(one.Volumes, "waybill:/data") {
			t.Errorf("%s: %+v", role, one)
		}
		if code, said := refuses(t, append(slices.Clone(one.Command), "--help")...); code != 0 {
			t.Errorf("%s: waybill %v: %s", role, one.Command, said)
		}
		settings := image
		for name, value := range one.Environment {
			settings = append(settings, name+"="+value)
		}
		checkSettings(t, role, one, settings)
	}
	if migrate := services["migrate"]; !migrate.Healthcheck.Disable || migrate.Restart != "no" {
		t.Errorf("migrate runs once: %+v", migrate)
	}
	if worker := services["worker"]; worker.Deploy.Replicas != 2 || worker.DependsOn["api"].Condition != "service_healthy" {
		t.Errorf("workers: %+v", worker)
	}
	for _, role := range []string{"api", "worker"} {
		depends := services[role].DependsOn
		if depends["migrate"].Condition != "service_completed_successfully" || depends["redis"].Condition != "service_healthy" || depends["postgres"].Condition != "service_healthy" {
			t.Errorf("%s starts after %v", role, depends)
		}
	}
	for _, name := range []string{"postgres", "redis"} {
		if one := services[name]; one.Image == "" || len(one.Healthcheck.Test) < 2 || one.Healthcheck.Test[0] != "CMD" || len(one.Volumes) != 1 {
			t.Errorf("%s: %+v", name, one)
		}
	}
	if redis := services["redis"].Command; !slices.Contains(redis, "--appendonly") {
		t.Errorf("redis keeps nothing: %v", redis)
	}
}

// checkSettings reads a service's environment as the program would.
func checkSettings(t *testing.T, role string, one service, environ []string) {
	t.Helper()
	flags := pflag.NewFlagSet(role, pflag.ContinueOnError)
	config.AddFlags(flags)
	loaded, err := config.Load(flags, environ)
	if err != nil {
		t.Errorf("%s: %v", role, err)
		return
	}
	if !strings.HasPrefix(loaded.Database, "postgres://waybill:hunter2@postgres:5432/") || loaded.Redis == "" || loaded.DataDir != "/data" || loaded.HealthListen == "" {
		t.Errorf("%s: %s", role, loaded)
	}
	grace, err := time.ParseDuration(one.StopGrace)
	if err != nil || grace < loaded.DrainTimeout+loaded.DrainDelay+10*time.Second {
		t.Errorf("%s: it is killed after %s, %v, with a drain of %s", role, one.StopGrace, err, loaded.DrainTimeout)
	}
}

// imageSettings checks the Dockerfile and returns the environment that it sets.
func imageSettings(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "deploy", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	last := string(text)[strings.LastIndex(string(text), "\nFROM ")+1:]
	for _, want := range []string{
		"FROM scratch\n", fmt.Sprintf("\nUSER %d:%d\n", 65532, 65532), "\nSTOPSIGNAL SIGTERM\n",
		"\nENTRYPOINT [\"/waybill\"]\n", "\nCMD [\"serve\"]\n", " CMD [\"/waybill\", \"health\"]\n", "\nVOLUME /data\n",
	} {
		if !strings.Contains(last, want) {
			t.Errorf("the Dockerfile lacks %q", want)
		}
	}
	match := regexp.MustCompile(`(?m)^ENV (.*)$`).FindStringSubmatch(last)
	if match == nil {
		t.Fatal("the Dockerfile sets no environment")
	}
	return strings.Fields(match[1])
}

// The example of the environment names all that the compose file asks for, and
// holds no password.
func TestComposeEnvironment(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile(filepath.Join(root, ".env.example"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	asked := regexp.MustCompile(`\$\{(\w+)`).FindAllStringSubmatch(string(text), -1)
	if len(asked) == 0 {
		t.Fatal("the compose file asks for nothing")
	}
	for _, variable := range asked {
		if !regexp.MustCompile(`(?m)^` + variable[1] + `=$`).Match(example) {
			t.Errorf(".env.example lacks an empty %s", variable[1])
		}
	}
}
