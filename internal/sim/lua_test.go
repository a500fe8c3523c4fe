package sim_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	lua "github.com/yuin/gopher-lua"
)

// scriptRedis is as much of a Redis as the scripts of limits need. It runs the
// scripts themselves.
type scriptRedis struct {
	state   *lua.LState
	hashes  map[string]map[string]string
	expires map[string]time.Time
	scripts map[string]*lua.LFunction // by SHA-1
}

func newScriptRedis() *scriptRedis {
	r := &scriptRedis{state: lua.NewState()}
	module := r.state.NewTable()
	module.RawSetString("call", r.state.NewFunction(r.call))
	r.state.SetGlobal("redis", module)
	r.wipe()
	return r
}

// wipe is FLUSHALL, and forgets the scripts, as a server does that starts anew.
func (r *scriptRedis) wipe() {
	r.hashes, r.expires, r.scripts = map[string]map[string]string{}, map[string]time.Time{}, map[string]*lua.LFunction{}
}

func (r *scriptRedis) close() { r.state.Close() }

// noScript is what Redis says of a script that it does not know.
type noScript struct{}

func (noScript) Error() string { return "NOSCRIPT No matching script." }
func (noScript) RedisError()   {}

func (r *scriptRedis) evalSha(ctx context.Context, sha string, keys []string, args []any) *redis.Cmd {
	script, known := r.scripts[sha]
	if !known {
		answer := redis.NewCmd(ctx)
		answer.SetErr(noScript{})
		return answer
	}
	return r.answer(ctx, script, keys, args)
}

func (r *scriptRedis) eval(ctx context.Context, text string, keys []string, args []any) *redis.Cmd {
	script, err := r.state.LoadString(text)
	if err != nil {
		panic(err)
	}
	digest := sha1.Sum([]byte(text))
	r.scripts[hex.EncodeToString(digest[:])] = script
	return r.answer(ctx, script, keys, args)
}

func (r *scriptRedis) answer(ctx context.Context, script *lua.LFunction, keys []string, args []any) *redis.Cmd {
	answer := redis.NewCmd(ctx)
	value, err := r.run(script, keys, args)
	if err != nil {
		answer.SetErr(err)
		return answer
	}
	answer.SetVal(value)
	return answer
}

func (r *scriptRedis) run(script *lua.LFunction, keys []string, args []any) (any, error) {
	list := func(name string, n int, text func(int) string) {
		table := r.state.NewTable()
		for i := range n {
			table.Append(lua.LString(text(i)))
		}
		r.state.SetGlobal(name, table)
	}
	list("KEYS", len(keys), func(i int) string { return keys[i] })
	list("ARGV", len(args), func(i int) string { return fmt.Sprint(args[i]) })
	if err := r.state.CallByParam(lua.P{Fn: script, NRet: 1, Protect: true}); err != nil {
		return nil, err
	}
	defer r.state.Pop(1)
	return fromLua(r.state.Get(-1)), nil
}

// call is redis.call.
func (r *scriptRedis) call(state *lua.LState) int {
	key := state.OptString(2, "")
	if until, set := r.expires[key]; set && !until.After(time.Now()) {
		delete(r.hashes, key)
		delete(r.expires, key)
	}
	switch command := strings.ToUpper(state.CheckString(1)); command {
	case "TIME":
		table, now := state.NewTable(), time.Now().UnixMicro()
		table.Append(lua.LString(strconv.FormatInt(now/1e6, 10)))
		table.Append(lua.LString(strconv.FormatInt(now%1e6, 10)))
		state.Push(table)
	case "HGET":
		value, there := r.hashes[key][state.CheckString(3)]
		if !there {
			state.Push(lua.LFalse)
			break
		}
		state.Push(lua.LString(value))
	case "HSET":
		if r.hashes[key] == nil {
			r.hashes[key] = map[string]string{}
		}
		r.hashes[key][state.CheckString(3)] = state.CheckString(4)
		state.Push(lua.LNumber(1))
	case "PEXPIRE":
		ms, err := strconv.ParseInt(state.CheckString(3), 10, 64)
		if err != nil {
			state.RaiseError("PEXPIRE: %v", err)
		}
		r.expires[key] = time.Now().Add(time.Duration(ms) * time.Millisecond)
		state.Push(lua.LNumber(1))
	default:
		state.RaiseError("this Redis does not know %s: teach it", command)
	}
	return 1
}

// fromLua converts an answer as Redis does: numbers lose their fraction.
func fromLua(value lua.LValue) any {
	switch value := value.(type) {
	case lua.LNumber:
		return int64(value)
	case lua.LString:
		return string(value)
	case *lua.LTable:
		var all []any
		value.ForEach(func(_, one lua.LValue) { all = append(all, fromLua(one)) })
		return all
	default:
		return nil
	}
}
