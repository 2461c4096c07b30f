#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The programs of docs/auth.md that make a token, as they stand there, each with
# its own interpreter: httpd takes their tokens, for the channels that they name
# and no others. A program whose language or library is missing is skipped, with
# a note.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();
use JSON::PP ();
use MIME::Base64 qw(decode_base64url);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Snippets;

my $dir = File::Temp::tempdir('es-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $builddir = EventStream::Httpd::builddir();
my $secret = 'f' x 10 . '0123456789abcdef' x 3;
write_file("$dir/stream.key", "$secret\n");
is system("openssl genrsa -out '$dir/stream.pem' 2048 2>/dev/null"
    . " && openssl rsa -in '$dir/stream.pem' -pubout"
    . " -out '$dir/stream.pub.pem' 2>/dev/null"), 0, 'keys';
write_file("$dir/another.key", "another $secret\n");
chmod 0640, "$dir/stream.key", "$dir/another.key";
symlink "$builddir/$_", "$dir/$_" for 'node_modules', 'vendor';

my $httpd = EventStream::Httpd->start(modules => ['authz_user'],
    conf => <<"CONF");
<LocationMatch "^/(events|mine)">
    SetHandler eventstream
    EventStreamChannel "{?channel}"
    EventStreamToken key=file:$dir/stream.key
    EventStreamToken key=file:$dir/stream.pub.pem
    Require eventstream-token
</LocationMatch>
<Location "/mine">
    EventStreamChannel "user-%{REMOTE_USER}"
    Require user ann
</Location>
<Location "/elsewhere">
    SetHandler eventstream
    EventStreamChannel "{?channel}"
    EventStreamToken key=file:$dir/another.key
    Require eventstream-token
</Location>
CONF

my $docs = snippets('docs/auth.md');
my @programs = grep { /token/ } snippet_names('docs/auth.md');
my %command = (php => 'php', py => 'python3', mjs => 'node', rb => 'ruby',
    go => 'go run', pl => 'perl', sh => 'sh');
my %library = (
    'token-firebase.php' => sub { -f "$dir/vendor/autoload.php" },
    'make_token_pyjwt.py' => sub { defined python_with('jwt') },
    'token-jose.mjs' => sub { -d "$dir/node_modules/jose" },
    'token-jwt.rb' => sub { system('ruby -e "require \'jwt\'" 2>&-') == 0 });
my %in_ci = map { $_ => 1 }
    qw(token.php make_token.py make_token_pyjwt.py token.mjs token-jose.mjs
    token.pl token.sh);

# The python3 of the PATH may be another than Debian's, which has its packages.
sub python_with
{
    my ($module) = @_;
    return (grep { system("$_ -c 'import $module' 2>/dev/null") == 0 }
        'python3', '/usr/bin/python3')[0];
}

# The reason for which a program cannot run here, or nothing.
sub lacking
{
    my ($name, $command) = @_;
    my ($word) = split / /, $command;
    return "there is no $word here" if !has_command($word);
    return 'its library is not installed'
        if $library{$name} && !$library{$name}->();
    return;
}

sub token_of
{
    my ($name, $command) = @_;
    my $text = $docs->{$name} =~ s{/etc/apache2/}{$dir/}gr;
    write_file("$dir/$name", $text);
    # Go keeps what it has compiled
    local $ENV{GOCACHE} = "$dir/go" if $command =~ /^go/;
    my $output = `cd '$dir' && $command '$name' 2>&1`;
    is $?, 0, "$name runs" or diag $output;
    chomp $output;
    return $output;
}

sub status_of
{
    my ($token, $path) = @_;
    return subscribe($httpd, $path,
        headers => ["Authorization: Bearer $token"])->status;
}

cmp_ok scalar @programs, '>=', 10, 'there are programs';
for my $name (@programs) {
    my ($ending) = $name =~ /\.(\w+)$/;
    my $command = $command{$ending} or die "$name: which program runs it?";
    $command = python_with('jwt') || $command if $name eq 'make_token_pyjwt.py';
    if (my $reason = lacking($name, $command)) {
        ok 0, "$name: CI must run it" if $in_ci{$name} && ($ENV{CI} || '')
            eq 'true';
        diag "docs/auth.md, $name: not run, $reason";
        SKIP: { skip "$name: $reason", 1 }
        next;
    }
    my $token = token_of($name, $command);
    is status_of($token, "/events?channel=$_"), 200, "$name: channel $_"
        for 'user-ann', 'news', 'user-ann&channel=news';
    is status_of($token, '/events?channel=user-bob'), 403,
        '... no other channel';
    is status_of($token, '/mine'), 200, '... the user';
    is status_of($token, '/elsewhere?channel=news'), 401,
        '... not where there is another key';
    my $claims = JSON::PP::decode_json(
        decode_base64url((split /\./, $token)[1] // ''));
    cmp_ok abs($claims->{exp} - time - 900), '<', 120, '... the time';
}
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
