#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The keys of EventStreamToken: each algorithm, JWK Sets with kid, several keys
# at once, and others at graceful; and eventstream-token, which makes tokens
# with them and tells what is wrong with one.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();
use MIME::Base64 qw(encode_base64url);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Token;

my $program = EventStream::Httpd->builddir . '/tools/eventstream-token';
my $dir = File::Temp->newdir;
chmod 0755, "$dir";

sub file
{
    my ($name, $text, $mode) = @_;
    EventStream::Httpd::spew("$dir/$name", $text);
    chmod $mode // 0600, "$dir/$name";
    return "$dir/$name";
}

# run($input, @args): the output of the command, and its exit status
sub run
{
    my ($input, @args) = @_;
    my $in = file('input', $input);
    my $pid = open my $out, '-|';
    die "cannot fork: $!" if !defined $pid;
    if (!$pid) {
        open STDIN, '<', $in or die;
        open STDERR, '>&', \*STDOUT or die;
        exec $program, @args;
        die "cannot run $program: $!";
    }
    local $/;
    my $text = <$out>;
    close $out;
    return ($text, $? >> 8);
}

sub make
{
    my ($text, $status) = run('', @_);
    is $status, 0, "eventstream-token @_[2 .. $#_]" or diag $text;
    chomp $text;
    return $text;
}

# A private key, and its public one.
sub key_pair
{
    my ($name, @options) = @_;
    my $key = "$dir/$name.key";
    system('openssl', 'genpkey', '-quiet', '-out', $key, @options) == 0
        || system("openssl genpkey -out $key @options 2>/dev/null") == 0
        || die 'openssl cannot make a key';
    chmod 0600, $key;
    system("openssl pkey -in $key -pubout -out $dir/$name.pem") == 0 or die;
    chmod 0644, "$dir/$name.pem";
    return $key;
}

my ($secret, $new, $third) = map { "$_-0123456789abcdef0123456789abcdef" }
    qw(secret new third);
file('secret.key', "$secret\n");
file('new.key', "$new\n");
my %key = (HS256 => "$dir/secret.key",
    RS256 => key_pair('rsa', '-algorithm', 'RSA'),
    ES256 => key_pair('ec', '-algorithm', 'EC', '-pkeyopt',
        'ec_paramgen_curve:P-256'),
    EdDSA => key_pair('ed', '-algorithm', 'ED25519'));

sub jwk
{
    my ($kid, $text, $more) = @_;
    return sprintf '{"kty":"oct","kid":"%s","k":"%s"%s}', $kid,
        encode_base64url($text), $more // '';
}
sub jwks { return '{"keys":[' . join(',', @_) . ']}' }
file('set', jwks(jwk('a', $secret), jwk('b', $new),
    '{"kty":"RSA","use":"enc","n":"AA","e":"AQAB"}'));
file('turn', "$secret\n");

my $section = 0;
sub section
{
    my ($path, @lines) = @_;
    return "<Location \"$path\">\nSetHandler eventstream\n"
        . "EventStreamChannel \"{?c}\"\nRequire eventstream-token\n"
        . join('', map { "EventStreamToken $_\n" } @lines) . "</Location>\n";
}
my $httpd = EventStream::Httpd->start(conf => join '',
    section('/HS256', "key=file:$dir/secret.key"),
    section('/RS256', "key=file:$dir/rsa.pem"),
    section('/ES256', "key=file:$dir/ec.pem"),
    section('/EdDSA', "key=file:$dir/ed.pem"),
    section('/all', "key=file:$dir/secret.key", "key=file:$dir/rsa.pem",
        "key=file:$dir/ec.pem", "key=file:$dir/ed.pem"),
    section('/set', "jwks=file:$dir/set"),
    section('/alg', "jwks=file:$dir/set alg=HS256"),
    section('/turn', "key=file:$dir/turn"),
);

sub status_of
{
    my ($path, $token) = @_;
    return subscribe($httpd, "$path?c=news", headers => [bearer($token)])
        ->status;
}

# ---- Algorithms --------------------------------------------------------------

my %token = map { ($_ => make('--key', $key{$_}, '--subscribe', 'news')) }
    sort keys %key;
for my $alg (sort keys %key) {
    is status_of("/$alg", $token{$alg}), 200, "$alg: its own token";
    is status_of('/all', $token{$alg}), 200, "$alg: beside other keys";
    is status_of("/$alg", $token{$_}), 401, "$alg: not one of $_"
        for grep { $_ ne $alg } sort keys %key;
}
like $httpd->error_log, qr/ES0901: .* key 3 is not for signatures \(use\)/,
    'a key that is left out is told when httpd starts';

# Key confusion: the public key, which everyone has, as a secret of HS256.
for my $pem ('rsa', 'ec', 'ed') {
    my $text = EventStream::Httpd::slurp("$dir/$pem.pem");
    for my $try ($text, $text =~ s/\n\z//r) {
        is status_of('/all', token($try, {eventstream => {subscribe =>
            ['*']}})), 401, "a token of HS256 with $pem.pem as its secret";
    }
}

# ---- kid ---------------------------------------------------------------------

my $claims = {eventstream => {subscribe => ['news']}};
for my $case (['a', $secret, 200], ['b', $new, 200], ['a', $new, 401],
    ['c', $secret, 401], ['../../etc/passwd', $secret, 401],
    ["' OR 1=1 --", $secret, 401], ['/dev/null', '', 401],
    ['a' x 300, $secret, 401]) {
    my ($kid, $key, $status) = @$case;
    is status_of('/set', token($key, $claims, {alg => 'HS256', kid => $kid})),
        $status, "the kid " . substr($kid, 0, 20);
}
is status_of('/set', token($new, $claims)), 200, 'no kid: any of the keys';
is status_of('/HS256', token($secret, $claims, {alg => 'HS256', kid => 'x'})),
    200, 'a key without kid is for any';

# ---- graceful ----------------------------------------------------------------

# An old child may still answer some requests after graceful.
sub status_soon
{
    my ($token, $wanted) = @_;
    my $status;
    wait_for(sub { ($status = status_of('/turn', $token)) == $wanted }, 20);
    return $status;
}
my ($old_token, $new_token) = map { token($_, $claims) } $secret, $new;
my $client = subscribe($httpd, '/turn?c=news', headers => [bearer($old_token)]);
is $client->next_event(20)->{event}, 'stream-open', 'a client';
is status_of('/turn', $new_token), 401, 'a key that is not there yet';
file('turn', jwks(jwk('old', $secret), jwk('new', $new)));
is status_of('/turn', $new_token), 401, 'a file is read when httpd is told to';
$httpd->graceful;
is status_soon($new_token, 200), 200, 'after graceful, the new key';
is status_soon($old_token, 200), 200, 'and the old one';
file('turn', "$new\n");
$httpd->graceful;
is status_soon($old_token, 401), 401, 'after another one, the new key alone';
is status_soon($new_token, 200), 200, 'is valid';
$client->fill(0.1);
ok $client->is_open, 'a stream of the old key goes on';
for my $broken ('{"keys":[', jwks(), 'short') {
    file('turn', $broken);
    my ($ok, $output) = EventStream::Httpd->config_test(
        section('/turn', "key=file:$dir/turn"));
    ok !$ok, "apachectl graceful refuses $broken";
    like $output, qr{the file $dir/turn }, 'and names the file';
}
file('turn', "$new\n");

# ---- eventstream-token -------------------------------------------------------

my $token = make('--key', $key{HS256}, qw(--subscribe news --subscribe a-*
    --publish b --control --user ann --jti 7 --iss me --aud x --kid k
    --expires 30s));
my ($text, $status) = run("$token\n", '--show', '--key', $key{HS256}, '--iss',
    'me', '--aud', 'x');
is $status, 0, 'it is valid';
like $text, $_, "and shows $_" for qr/^valid$/m, qr/"kid": "k"/, qr/"jti": "7"/,
    qr/"a-\*"/, qr/"control": true/, qr/^exp: \d{4}-\d\d-\d\d .* UTC$/m;
($text, $status) = run('', '--show', $token);
is $status, 0, 'without a key it is shown';
like $text, qr/^not checked/m, 'and not checked';
my $expired = token($secret, {exp => 1, eventstream => {}});
for my $case ([$expired, qr/^refused: exp: /m], ["$token.", qr/refused: form:/],
    [token($new, $claims), qr/refused: signature:/], ['', qr/refused: form:/],
    ["a.\e[2J.c", qr/refused: form:/]) {
    ($text, $status) = run($case->[0], '--show', '--key', $key{HS256});
    is $status, 1, 'a token that is refused';
    like $text, $case->[1], 'with the reason';
}
my $mercure = make('--key', $key{HS256}, '--mercure', '--publish', '*',
    '--expires', 'none');
($text) = run('', '--show', '--key', $key{HS256}, $mercure);
like $text, qr/"mercure": \{\s*"publish": \[\s*"\*"/, 'a token of Mercure';
like $text, qr/has no exp/, 'without an end';
for my $case ([[], qr/needs --key/], [['--key', "$dir/none"], qr/none/],
    [['--key', "$dir/rsa.pem"], qr/cannot sign/],
    [['--key', $key{HS256}, '--expires', 'soon'], qr/--expires takes/],
    [['--key', $key{HS256}, '--user', "\xff"], qr/UTF-8/],
    [['--key', $key{HS256}, 'word'], qr/takes no argument/],
    [['--nonsense'], qr/nonsense/]) {
    ($text, $status) = run('', @{$case->[0]});
    is $status, 2, 'what it cannot do';
    like $text, $case->[1], 'is told';
}
is +(run('', '--help'))[1], 0, '--help';

is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
