#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The programs of docs/auth.md that make a token, as they stand there, each with
# its own interpreter. A program whose language or library is missing is
# skipped, with a note.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Digest::SHA qw(hmac_sha256);
use File::Temp ();
use JSON::PP ();
use MIME::Base64 qw(decode_base64url encode_base64url);

use EventStream::Httpd;
use EventStream::Snippets;

my $dir = File::Temp::tempdir('es-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $builddir = EventStream::Httpd::builddir();
my $secret = 'f' x 10 . '0123456789abcdef' x 3;
write_file("$dir/stream.key", "$secret\n");
is system("openssl genrsa -out '$dir/stream.pem' 2048 2>/dev/null"
    . " && openssl rsa -in '$dir/stream.pem' -pubout"
    . " -out '$dir/stream.pub.pem' 2>/dev/null"), 0, 'keys';
symlink "$builddir/$_", "$dir/$_" for 'node_modules', 'vendor';

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

# The check of the token by other means than the module's.
sub is_signed
{
    my ($token) = @_;
    my ($signed, $signature) = $token =~ /^([\w-]+\.[\w-]+)\.([\w-]+)$/
        or return 0;
    my $head = JSON::PP::decode_json(decode_base64url($signed =~ s/\..*//r));
    return encode_base64url(hmac_sha256($signed, $secret)) eq $signature
        if $head->{alg} eq 'HS256';
    write_file("$dir/signed", $signed);
    write_file("$dir/signature", decode_base64url($signature));
    return $head->{alg} eq 'RS256' && system('openssl', 'dgst', '-sha256',
        '-out', "$dir/verified", '-verify', "$dir/stream.pub.pem", '-signature',
        "$dir/signature", "$dir/signed") == 0;
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
    ok is_signed($token), "$name: the signature is right" or diag $token;
    my $claims = JSON::PP::decode_json(
        decode_base64url((split /\./, $token)[1] // ''));
    is $claims->{sub}, 'ann', '... the user';
    is_deeply $claims->{eventstream}, {subscribe => ['user-ann', 'news']},
        '... the channels';
    cmp_ok abs($claims->{exp} - time - 900), '<', 120, '... the time';
}
done_testing;
